/**
 * How a suite speaks: with a mark before each line, where somebody asks for one, because the window's own console says a
 * lot besides. Must not be used for anything but what a person who runs the suite should read.
 */
const mark = process.env["SWITCHYARD_HOST_MARK"] ?? "";

export function say(format: unknown = "", ...rest: readonly unknown[]): void {
  console.log(`${mark}${String(format)}`, ...rest);
}
