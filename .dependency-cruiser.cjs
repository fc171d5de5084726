/**
 * The walls of ARCHITECTURE.md as rules: who may import whom, and no circle anywhere.
 * An arrow that is not listed here is an error; so a new room must be drawn here first.
 * Must not be loosened to get an import through: mend the import.
 */
const rooms = {
  model: [],
  decide: ["model"],
  policies: ["model"],
  balancers: ["model"],
  policyfile: ["model", "policies", "balancers"],
  replay: ["model", "decide", "policies", "balancers", "policyfile"],
  contract: [],
  machine: [],
  agents: ["contract"],
  gateway: ["model", "decide", "policies", "balancers", "policyfile", "replay", "contract", "machine"],
  cli: ["model", "decide", "policies", "balancers", "policyfile", "replay", "contract", "agents", "machine", "gateway"],
  extension: ["contract", "machine", "agents", "policyfile", "replay", "model"],
};

const pure = ["model", "decide", "policies", "balancers", "policyfile", "replay", "contract"];

/** Packages that the pure rooms may use: none of them reads a clock, randomness, a socket or a file. */
const purePackages = [
  "zod",
  "yaml",
  "ipaddr.js",
  "@bufbuild/cel",
  "@bufbuild/protobuf",
  "graphql",
  "js-xxhash",
  "re2js",
  "structured-headers",
];

const escape = (name) => name.replaceAll(/[./]/g, "\\$&");
/** Tests beside the code may reach for node, mocha and other rooms; the walls are for what ships. */
const notTests = "\\.(test|fixture)\\.ts$";

module.exports = {
  forbidden: [
    {
      name: "no-circles",
      comment: "Two files that import each other are one file that nobody can read alone.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolved",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^vscode$" },
    },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `room-${room}`,
      comment: `src/${room} may import ${allowed.length ? allowed.map((name) => `src/${name}`).join(", ") : "no other room"}.`,
      severity: "error",
      from: { path: `^src/${room}/`, pathNot: notTests },
      to: { path: "^(src|webview|test|bench|scripts|examples)/", pathNot: `^src/(${[room, ...allowed].join("|")})/` },
    })),
    {
      name: "pure-rooms-without-node",
      comment: "The core decides from its arguments alone: no clock, socket, file or process.",
      severity: "error",
      from: { path: `^src/(${pure.join("|")})/`, pathNot: notTests },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "pure-rooms-with-known-packages",
      comment: `Only ${purePackages.join(", ")} are known to be pure.`,
      severity: "error",
      from: { path: `^src/(${pure.join("|")})/`, pathNot: notTests },
      to: { path: "node_modules", pathNot: `node_modules/(${purePackages.map(escape).join("|")})/` },
    },
    {
      name: "contract-imports-nothing",
      severity: "error",
      from: { path: "^src/contract/", pathNot: notTests },
      to: { path: ".", pathNot: "^src/contract/" },
    },
    {
      name: "codec-alone",
      comment:
        "src/gateway/http1 is bytes in, heads and body ranges out: no socket, no clock, nothing else of the gateway.",
      severity: "error",
      from: { path: "^src/gateway/http1/", pathNot: notTests },
      to: { path: ".", pathNot: "^(src/gateway/http1/|src/model/|node:buffer$|buffer$)" },
    },
    {
      name: "page-knows-only-the-contract",
      severity: "error",
      from: { path: "^webview/", pathNot: notTests },
      to: { path: "^src/", pathNot: "^src/(contract|model)/" },
    },
    {
      name: "only-the-extension-knows-vscode",
      severity: "error",
      from: { path: "^(src|webview)/", pathNot: "^src/extension/" },
      to: { path: "(^vscode$|@types/vscode/)" },
    },
    {
      name: "nothing-that-ships-imports-tests",
      severity: "error",
      from: { path: "^(src|webview)/", pathNot: notTests },
      to: { path: "(\\.(test|fixture)\\.ts$|^test/|^bench/)" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
