/**
 * What the gateway and the supervisor of its replicas say to each other, as JSON over the child-process channel.
 * Must not import anything: the supervisor has to stay tiny.
 */

export type Order =
  | {
      readonly kind: "start";
      /** Chosen by the gateway, never used twice. */
      readonly id: number;
      readonly command: string;
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
    }
  /** To the whole process group. */
  | { readonly kind: "signal"; readonly id: number; readonly signal: "SIGTERM" | "SIGKILL" };

export type Report =
  | { readonly kind: "started"; readonly id: number; readonly processId: number }
  | { readonly kind: "output"; readonly id: number; readonly text: string }
  /** @see EndpointState.exitCode for `code`. */
  | { readonly kind: "ended"; readonly id: number; readonly code: number; readonly problem?: string };
