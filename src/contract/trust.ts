/**
 * What trusting the development CA means on each platform, as commands that a person can read before running them, and
 * their way back. Command line and extension show the same.
 * Must not run anything: nothing is installed without being asked for.
 */

export const CA_NICKNAME = "Switchyard development CA";

export interface TrustStep {
  /** What it changes, for the person who is asked. */
  readonly what: string;
  /** For the platform's usual shell. */
  readonly command: string;
}

/** @param platform as node names it. @param file the certificate, an absolute path. */
export function trustSteps(platform: string, file: string): TrustStep[] {
  if (platform === "darwin") {
    return [
      {
        what: "adds it to your login keychain as a trusted root; macOS asks for your password",
        command: `security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ${quoted(file)}`,
      },
    ];
  }
  if (platform === "win32") {
    return [
      {
        what: "adds it to your own list of trusted roots (not the machine's); Windows asks",
        command: `certutil -user -addstore Root "${file}"`,
      },
    ];
  }
  return [
    {
      what: "adds it to your own list of certificates, which Chrome and Chromium read (needs libnss3-tools)",
      command: `mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n '${CA_NICKNAME}' -i ${quoted(file)}`,
    },
    {
      what: "adds it to the machine's list, which curl and most programs read; asks for your password (Debian, Ubuntu)",
      command: `sudo cp ${quoted(file)} /usr/local/share/ca-certificates/switchyard-ca.crt && sudo update-ca-certificates`,
    },
  ];
}

/** @param fingerprint SHA-1 of the certificate, hexadecimal without colons: how Windows and macOS name it. */
export function untrustSteps(platform: string, file: string, fingerprint: string): TrustStep[] {
  if (platform === "darwin") {
    return [
      {
        what: "takes it out of your login keychain",
        command: `security remove-trusted-cert ${quoted(file)}; security delete-certificate -Z ${fingerprint} ~/Library/Keychains/login.keychain-db`,
      },
    ];
  }
  if (platform === "win32") {
    return [
      { what: "takes it out of your list of trusted roots", command: `certutil -user -delstore Root ${fingerprint}` },
    ];
  }
  return [
    {
      what: "takes it out of your own list of certificates",
      command: `certutil -d sql:$HOME/.pki/nssdb -D -n '${CA_NICKNAME}'`,
    },
    {
      what: "takes it out of the machine's list; asks for your password",
      command: "sudo rm -f /usr/local/share/ca-certificates/switchyard-ca.crt && sudo update-ca-certificates --fresh",
    },
  ];
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
