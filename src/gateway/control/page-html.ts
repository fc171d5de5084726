/**
 * The document that a browser gets around the page's bundle, and the policy it is shown under.
 * Must not hold inline code or style: the policy forbids both.
 */

export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchyard</title>
<link rel="stylesheet" href="page.css">
</head>
<body data-place="browser">
<noscript>Switchyard's page needs JavaScript.</noscript>
<script src="page.js"></script>
</body>
</html>
`;

export const REFUSED_HTML = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Switchyard</title></head>
<body>
<h1>This address has been used</h1>
<p>For your safety, the address that Switchyard prints opens the page in one browser, once.
Press Enter in the terminal where Switchyard runs to get a new one.</p>
</body>
</html>
`;

/** @param host as the browser wrote it: older browsers do not count WebSockets as 'self'. */
export function pagePolicy(host: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ws://${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
