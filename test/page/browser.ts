/**
 * The headless Chromium that tests and screenshots drive, found where Debian or the person has put it.
 * Must fail, naming what is missing, rather than skip.
 */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
];

export async function openBrowser(): Promise<Browser> {
  const named = process.env["CHROMIUM_EXECUTABLE"];
  const executablePath = named ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined)
    throw new Error("No Chromium found. Install the package `chromium`, or set CHROMIUM_EXECUTABLE to one.");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
