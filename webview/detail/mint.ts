/**
 * A token for a refused request, where the page stands in a browser: minted by the gateway, copied, and said.
 * Must not show the token, nor say claims that the gateway asks a person for.
 */
import type { MintResult, MintWish } from "../../src/contract/minting.ts";
import type { Host } from "../channel/host.ts";

interface MintGateway {
  mintToken(wish: MintWish): MintResult | Promise<MintResult>;
}

export async function mintInPage(
  id: number,
  gateway: MintGateway,
  host: Pick<Host, "copyText">,
  say: (text: string) => void,
): Promise<void> {
  try {
    const target = { id };
    const first = await gateway.mintToken({ target, given: {} });
    const known = first.kind === "asks" ? first.questions.filter(({ value }) => value !== "") : [];
    const whole = first.kind !== "asks" || known.length === first.questions.length;
    const given = Object.fromEntries(known.map(({ claim, value }) => [claim, value]));
    const result = first.kind === "asks" && whole ? await gateway.mintToken({ target, given }) : first;
    if (result.kind === "asks") {
      const claims = result.questions.map(({ claim }) => `--claim ${claim}=…`).join(" ");
      return say(`No rule says every claim: use switchyard mint with ${claims}`);
    }
    if (result.kind !== "minted") return say(result.message);
    host.copyText(result.token, `Token copied: signed with ${result.key}, passes ${result.policies.join(", ")}`);
  } catch (error) {
    say(`No token: ${(error as Error).message}`);
  }
}
