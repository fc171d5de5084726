/**
 * A fresh clone installs with `npm ci`, which refuses a lock file that lacks any optional package (other platforms'
 * binaries). A registry that was behind when the lock file was made leaves such holes: born of exactly that.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

interface Locked {
  version?: string;
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

describe("package-lock.json", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, Locked>;
  };

  /** As Node finds it: the nearest node_modules upwards. */
  function find(from: string, name: string): Locked | undefined {
    for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
      const found = packages[`${base}${base ? "/" : ""}node_modules/${name}`];
      if (found || base === "") return found;
    }
  }

  it("holds every package that another one asks for, optional ones of other platforms included", () => {
    const missing: string[] = [];
    for (const [path, { dependencies, optionalDependencies }] of Object.entries(packages))
      for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
        if (!find(path, name)?.version) missing.push(`${path || "package.json"} -> ${name}`);
    assert.deepEqual(missing, []);
  });

  it("names no registry host", () => {
    const hosts = Object.values(packages).flatMap(({ resolved }) =>
      resolved && !resolved.startsWith("https://registry.npmjs.org/") ? [resolved] : [],
    );
    assert.deepEqual(hosts, []);
  });
});
