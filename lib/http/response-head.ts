import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

type Arguments = readonly unknown[];
type HeaderPair = readonly [name: string, value: unknown];

/** The headers given to `writeHead`, in each of the forms that Node takes; those of one name together. @internal */
export function headersOf(args: Arguments): readonly HeaderPair[] {
  const given = args.slice(1).find((arg) => typeof arg === 'object' && arg !== null);
  if (given === undefined) return [];
  if (!Array.isArray(given))
    return Object.entries(given as OutgoingHttpHeaders).filter(([, value]) => value !== undefined);
  const list = given as readonly unknown[];
  const pairs = list.every(Array.isArray) ? (list as unknown as readonly HeaderPair[]) : pairsIn(list);
  const byName = new Map<string, [string, unknown]>();
  for (const [name, value] of pairs) {
    const known = byName.get(name.toLowerCase());
    if (known) known[1] = [known[1], value].flat();
    else byName.set(name.toLowerCase(), [name, value]);
  }
  return [...byName.values()];
}

/** The arguments of `writeHead`, as they are now. @internal */
export function copyOfHead(args: Arguments): Arguments {
  return args.map((arg) => {
    if (Array.isArray(arg)) return [...(arg as unknown[])];
    return typeof arg === 'object' && arg !== null ? { ...arg } : arg;
  });
}

/**
 * Makes room for headers of ours beside those that are given with a head, which Node lets replace them: when one has such a name, all
 * are set on the response instead.
 *
 * @returns the arguments of `writeHead`
 * @internal
 */
export function shareHead(response: ServerResponse, args: Arguments, names: readonly string[]): Arguments {
  const headers = headersOf(args);
  if (!headers.some(([header]) => names.includes(header.toLowerCase()))) return args;
  for (const [header, value] of headers) response.setHeader(header, value as string);
  return args.filter((arg) => typeof arg !== 'object' || arg === null);
}

/**
 * Throws for a head that cannot be sent, as Node does.
 *
 * @param args - those of `writeHead`; otherwise the response's own status counts
 * @throws RangeError and TypeError with Node's codes.
 * @internal
 */
export function validateHead(response: ServerResponse, args?: Arguments): void {
  const status = args ? args[0] : response.statusCode;
  const code = Number(status) | 0;
  if (code < 100 || code > 999) {
    throw Object.assign(new RangeError(`Invalid status code: ${String(status)}`), {
      code: 'ERR_HTTP_INVALID_STATUS_CODE',
    });
  }
  const message = typeof args?.[1] === 'string' ? args[1] : hasStatusMessage(response) ? response.statusMessage : '';
  if (message) validateHeaderValue('statusMessage', message);
  for (const [name, value] of args ? headersOf(args) : []) {
    validateHeaderName(name);
    for (const item of [value].flat()) validateHeaderValue(name, item as string);
  }
}

/** What a browser needs to be allowed to see a response at all. @param head - the arguments of a `writeHead` that waits @internal */
export function visibleHeaders(response: ServerResponse, head: Arguments = []): OutgoingHttpHeaders {
  const given = Object.fromEntries(headersOf(head)) as OutgoingHttpHeaders;
  return Object.fromEntries(
    Object.entries({ ...response.getHeaders(), ...given }).filter(([name]) => VISIBLE.test(name)),
  );
}

const VISIBLE = /^(vary|access-control-.*)$/i;

/**
 * Makes an error response of one that has not been sent: another status and other headers.
 *
 * @returns its body
 * @internal
 */
export function makeErrorResponse(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders,
): string {
  const text = JSON.stringify(body);
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
  if (hasStatusMessage(response)) response.statusMessage = '';
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', String(Buffer.byteLength(text)));
  return text;
}

/** HTTP/2 has none, and Node warns of asking. @internal */
export function hasStatusMessage(response: ServerResponse): boolean {
  return response.req.httpVersionMajor < 2;
}

/** What Node throws for a head that comes too late. @internal */
export function headersSentError(action: string): Error {
  const message = `Cannot ${action} headers after they are sent to the client`;
  return Object.assign(new Error(message), { code: 'ERR_HTTP_HEADERS_SENT' });
}

function pairsIn(list: readonly unknown[]): readonly HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([String(list[i]), list[i + 1]]);
  return pairs;
}
