/**
 * Where this user's Switchyard keeps what outlives a workspace: the folder that each platform has for it.
 * Must not create anything: whoever writes there does.
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** Environment variable SWITCHYARD_DATA names another folder (tests, portable set-ups). */
export function dataFolder(environment: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const { SWITCHYARD_DATA, XDG_DATA_HOME, LOCALAPPDATA } = environment;
  if (SWITCHYARD_DATA) return SWITCHYARD_DATA;
  if (platform === "win32") return join(LOCALAPPDATA || join(homedir(), "AppData", "Local"), "Switchyard");
  if (platform === "darwin") return join(homedir(), "Library", "Application Support", "Switchyard");
  // The XDG specification: a relative path is to be ignored.
  const base = XDG_DATA_HOME?.startsWith("/") ? XDG_DATA_HOME : join(homedir(), ".local", "share");
  return join(base, "switchyard");
}
