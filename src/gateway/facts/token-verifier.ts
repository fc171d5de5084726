/**
 * Verdicts on the signature of a token, cached by a digest of the token per key source.
 */
import type { TokenFact, TokenSource } from "../../model/arrival.ts";

export interface TokenVerifierOptions {
  /** Folder against which the paths of key files are read: that of the policy file. */
  readonly baseDirectory: string;
}

export class TokenVerifier {
  constructor(_options: TokenVerifierOptions) {}

  verdict(_source: TokenSource, _value: string | undefined): TokenFact | Promise<TokenFact> {
    throw new Error("not built yet");
  }

  close(): void {}
}
