/**
 * Ends a process together with everything it started. A replica leads a process group of its own, so one signal reaches
 * the shell, the command and its children alike. Must not signal a process that it was not handed.
 */
import { spawn } from "node:child_process";

/** Nothing happens when the group is gone. */
export function signalGroup(leader: number, signal: "SIGTERM" | "SIGKILL"): void {
  if (process.platform === "win32") {
    // Windows has no groups and no SIGTERM: the tree is ended at once.
    spawn("taskkill", ["/pid", String(leader), "/T", "/F"], { stdio: "ignore", windowsHide: true }).on(
      "error",
      () => {},
    );
    return;
  }
  try {
    process.kill(-leader, signal);
  } catch {
    // ESRCH: it has ended. EPERM: the number belongs to somebody else by now.
  }
}

/** Whether somebody of the group is left, its leader or not. */
export function hasMembers(leader: number): boolean {
  if (process.platform === "win32") return false;
  try {
    process.kill(-leader, 0);
    return true;
  } catch {
    return false;
  }
}
