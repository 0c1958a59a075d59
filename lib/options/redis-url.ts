import { nearestName } from './option-names.js';
import { isHost, isPort } from './option-values.js';
import { linkSchema } from './redis-options.schema.js';

interface Scheme {
  readonly kind: 'standalone' | 'sentinel' | 'cluster' | 'unix';
  readonly isSecure: boolean;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  redis: { kind: 'standalone', isSecure: false },
  rediss: { kind: 'standalone', isSecure: true },
  'redis+sentinel': { kind: 'sentinel', isSecure: false },
  'rediss+sentinel': { kind: 'sentinel', isSecure: true },
  'redis+cluster': { kind: 'cluster', isSecure: false },
  'rediss+cluster': { kind: 'cluster', isSecure: true },
  'redis+unix': { kind: 'unix', isSecure: false },
};

const NUMBERS = ['db', 'family', ...Object.keys(linkSchema.shape)];
const TEXTS = ['connectionName'];
const SENTINEL_TEXTS = ['sentinelUsername', 'sentinelPassword'];

/** `scheme://authority/path?query#fragment`; nothing of it may be missing a place, or a part would be dropped in silence. */
const PARTS = /^([^:/?#@]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/s;

/** A URL as options, or what is wrong with it; messages never quote what might be part of a password. @internal */
export interface ParsedRedisUrl {
  /** The options; not to be used when there are faults. */
  readonly options: Record<string, unknown>;
  readonly faults: readonly string[];
}

type FaultListener = (message: string) => void;

/**
 * The options that a URL stands for.
 *
 * @remarks
 * Own code, because the WHATWG parser knows one host only, and the npm parsers tried for several hosts (`connection-string`)
 * drop in silence what they do not understand and turn `+` in a password into a space.
 *
 * @param url - one of the forms of `SessionRedisOptions`
 * @internal
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const faults: string[] = [];
  const fault = (message: string): void => void faults.push(message);
  const [, name = '', authority = '', path = '', query = '', fragment] = PARTS.exec(url.trim()) ?? [];
  const scheme = Object.hasOwn(SCHEMES, name.toLowerCase()) ? SCHEMES[name.toLowerCase()] : undefined;
  if (scheme === undefined) {
    fault(
      `is not a URL with a known scheme; allowed: ${Object.keys(SCHEMES).join('://, ')}://. ${suggestScheme(name)}`.trim(),
    );
    return { options: {}, faults };
  }
  const isCut = !authority.includes('@') && `${path}${query}`.includes('@') && scheme.kind !== 'unix';
  if (isCut || fragment !== undefined) {
    fault('has a user or password with "/", "?" or "#" in it: write %2F, %3F, %23.');
    return { options: {}, faults };
  }
  const at = authority.lastIndexOf('@');
  const options: Record<string, unknown> = {
    ...parseCredentials(authority.slice(0, Math.max(at, 0)), fault),
    ...(scheme.isSecure ? { tls: {} } : {}),
    ...(scheme.isSecure && scheme.kind === 'sentinel' ? { sentinelTLS: {} } : {}),
    ...parsePlace(scheme, authority.slice(at + 1), path, fault),
  };
  for (const [key, value] of Object.entries(parseQuery(query, scheme, fault))) {
    if (key in options) fault(`gives ${key} twice, in its path and in its query.`);
    options[key] = value;
  }
  return { options, faults };
}

/**
 * A host with an optional port, `[::1]:6379`; `null` when it is not one. An empty text is `{}`.
 *
 * @internal
 */
export function parseHostAndPort(text: string): { host?: string; port?: number } | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (host !== '' && !isHost(host)) || (bracketed !== undefined && !host.includes(':')))
    return null;
  if (digits !== undefined && !isPort(Number(digits))) return null;
  return { ...(host === '' ? {} : { host }), ...(digits === undefined ? {} : { port: Number(digits) }) };
}

function suggestScheme(name: string): string {
  const nearest = nearestName(name, Object.keys(SCHEMES));
  return nearest === undefined ? '' : `Did you mean ${nearest}://?`;
}

function parseCredentials(text: string, fault: FaultListener): Record<string, string> {
  if (text === '') return {};
  const colon = text.indexOf(':');
  const username = decode(colon === -1 ? text : text.slice(0, colon), fault);
  const password = colon === -1 ? '' : decode(text.slice(colon + 1), fault);
  if (password === '')
    fault('has a user without a password; for a password alone write it after a colon, ://:password@host.');
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function parsePlace({ kind }: Scheme, authority: string, path: string, fault: FaultListener): Record<string, unknown> {
  if (kind === 'unix') {
    if (authority !== '') fault('names a host; a Unix socket is redis+unix:///path, with three slashes.');
    if (path.length < 2) fault('names no socket: redis+unix:///path.');
    return { path: decode(path, fault) };
  }
  const hosts = parseHosts(authority, fault);
  const rest = path.replace(/^\//, '');
  if (kind === 'sentinel') {
    if (authority === '') fault('names no Sentinel: redis+sentinel://host:26379,host:26379/name.');
    if (rest === '' || rest.includes('/')) {
      fault(
        'does not end in the name of the group: redis+sentinel://host:26379/name, as in `sentinel monitor <name>`.',
      );
    }
    return { sentinels: hosts, name: decode(rest, fault) };
  }
  if (kind === 'cluster') {
    if (authority === '') fault('names no node: redis+cluster://host:6379,host:6379.');
    if (rest !== '' && rest !== '0') fault('names a database; a Cluster has only 0: leave it out.');
    return { cluster: hosts };
  }
  if (hosts.length > 1) {
    fault(
      'names several hosts; with Sentinel write redis+sentinel://host,host/name, with a Cluster redis+cluster://host,host.',
    );
  }
  if (!/^\d*$/.test(rest)) fault('has a path that is not the number of a database: redis://host:6379/0.');
  return { ...hosts[0], ...(rest === '' ? {} : { db: Number(rest) }) };
}

function parseHosts(authority: string, fault: FaultListener): { host?: string; port?: number }[] {
  const texts = authority === '' ? [] : authority.split(',');
  return texts.flatMap((text, index) => {
    const parsed = parseHostAndPort(text);
    if (parsed && (parsed.host !== undefined || texts.length === 1)) return [parsed];
    fault(
      `has a wrong host (number ${index + 1} of ${texts.length}): allowed are name, name:port, 1.2.3.4:port and [::1]:port, ports from 1 to 65535.` +
        ' If a user or password comes before it, write its special characters as %40 for @, %3A for :, %2F for /.',
    );
    return [];
  });
}

function parseQuery(query: string, { kind }: Scheme, fault: FaultListener): Record<string, unknown> {
  const texts = kind === 'sentinel' ? [...TEXTS, ...SENTINEL_TEXTS] : TEXTS;
  const known = [...(kind === 'cluster' ? NUMBERS.filter((name) => name !== 'db') : NUMBERS), ...texts];
  const values = new Map<string, unknown>();
  query.split('&').forEach((pair, index) => {
    if (pair === '') return;
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0));
    // By its number, not by its name: an unescaped & makes the end of a password look like a name.
    const place = `(number ${index + 1} of the query)`;
    if (!known.includes(name)) {
      const nearest = nearestName(name, known);
      const suggestion = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
      fault(`has an unknown parameter ${place}.${suggestion} Allowed: ${known.join(', ')}; write & in a value as %26.`);
      return;
    }
    const value = decode(pair.slice(equals + 1), fault);
    if (values.has(name)) fault(`gives ${name} twice.`);
    else if (!NUMBERS.includes(name)) values.set(name, value);
    else if (/^\d+$/.test(value)) values.set(name, Number(value));
    else fault(`has a parameter ${name} that is not a whole number.`);
  });
  return Object.fromEntries(values);
}

function decode(text: string, fault: FaultListener): string {
  try {
    return decodeURIComponent(text);
  } catch {
    fault('has a "%" that no two hexadecimal digits follow: write a percent sign as %25.');
    return '';
  }
}
