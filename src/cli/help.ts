/**
 * What `--help` prints.
 */

const RUN = `switchyard run [file] [--ui] [--ui-port <port>] [--quiet] [--no-agents]

  Runs the gateway of a policy file (default: switchyard.yaml) until Ctrl-C.
  A saved change applies within a second; a change with errors is told, and the last good policy keeps serving.

  --ui              serve the live page in a browser, at a loopback address that is printed
  --ui-port <port>  port of that page (default: any free one)
  --quiet           no line per request
  --metrics <port>  serve the counts for Prometheus at http://127.0.0.1:<port>/metrics
  --no-agents       no \`switchyard mcp\` of this user may look at this gateway
  --otlp <url>      send them to a collector of OpenTelemetry there (OTLP/HTTP JSON), every 10 s

  While it runs, type \`purge\` to forget all answers that \`cache\` stores, or \`purge shop.test/prices\` for URLs that begin so.
`;

const CHECK = `switchyard check [file]

  Tells everything that is wrong with a policy file (default: switchyard.yaml), as file:line:column: code message.
  Exits with 1 when it cannot be used.
`;

const EXPLAIN = `switchyard explain [file] METHOD URL [-H 'name: value']... [--client <address>] [--json]

  Decides on a request without sending it, and says why, step by step, with lines of the policy file.

  -H, --header      a header field, as often as needed
  --client          address that the request comes from (default: 127.0.0.1)
  --json            the whole decision as JSON

  switchyard explain GET http://localhost:8080/orders -H 'x-api-key: demo-web-key'
`;

const MINT = `switchyard mint [file] METHOD URL [--claim name=value]... [-H 'name: value']... [--key <file>] [--json]

  A token with which the request passes the policies that ask for one, valid for ten minutes, on standard output.
  Its claims are read from the rules; it is signed with the development key: a private JWK in dev-key.json beside the
  key set of the policy, whose public half is in that set. Keys of another server sign nothing here.

  --claim           a claim that no rule says, or another value; JSON or text; a dot steps inwards
  --key             the key, when it is another file
  --json            the token with its claims as JSON

  curl -H "authorization: Bearer $(switchyard mint GET http://localhost:8080/orders)" http://localhost:8080/orders
`;

const TEST = `switchyard test [file]... [--reporter text|tap|junit|json] [--coverage]

  Decides the requests of policy tests without sending them, and compares with what each test expects.
  Files: *.switchyard-test.yaml (default: all below this folder). Exits with 0 when all pass, 1 when one fails, 2 when
  something could not be run.

  --reporter        text for people (default), tap (TAP 14), junit (JUnit XML) or json
  --coverage        name the routes, policies and reasons that no test reaches
`;

const CA = `switchyard ca [show | export <file> | trust | untrust | remove] [--json]

  The development CA behind \`certificate: auto\`: made on first use, kept for you alone, trusted by nobody until you say so.

  show              where it is, and its fingerprint (default; --json for programs)
  export <file>     a copy of the certificate, never of the key
  trust, untrust    the commands that make this machine trust it, and those that take that back; runs none of them
  remove            deletes certificate and key
`;

const MCP = `switchyard mcp [file] [--allow-edits] [--har <file>]

  Serves agents over standard input and output (Model Context Protocol): explain_request, list_rejections, simulate_edit
  and propose_fix, on the gateway that serves the policy file (default: switchyard.yaml) for this user, or on the file alone.

  --allow-edits     propose_fix may also make an edit that it proposed; without it nothing is ever written
  --har <file>      requests of an HTTP Archive, decided again, when no gateway runs
`;

export const HELP = {
  all: `Switchyard: a local gateway and load balancer that explains itself. Nothing leaves this machine unless you ask for it.

${RUN}
${CHECK}
${EXPLAIN}
${MINT}
${TEST}
${CA}
${MCP}
switchyard --version
`,
  run: RUN,
  check: CHECK,
  explain: EXPLAIN,
  mint: MINT,
  test: TEST,
  ca: CA,
  mcp: MCP,
} as const;
