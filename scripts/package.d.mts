/** Packs and answers the path of the .vsix. Throws an Error in words. */
export declare function pack(out?: string): string;
