/**
 * The value of Date (RFC 9110 section 5.6.7), made once a second and not once an answer.
 */
let second = -1;
let text = "";

/** @param wallClock epoch milliseconds. */
export function httpDate(wallClock: number): string {
  const now = Math.floor(wallClock / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
