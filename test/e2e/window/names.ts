/**
 * How the extension is named in VS Code. Must hold nothing else.
 */
export const EXTENSION = "switchyard.switchyard";
