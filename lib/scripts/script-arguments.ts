import type { SessionLink } from '../core/session-link.js';

/** All that a script needs of a link. @internal */
export type ScriptLink = Pick<SessionLink, 'execute'>;

/** In a session's hash the application's fields begin with this. */
const FIELD_PREFIX = 'd:';

/** Fields of a session as a script takes them: name, text, name, text … @internal */
export function fields(texts: ReadonlyMap<string, string>): string[] {
  const list: string[] = [];
  for (const [name, text] of texts) list.push(FIELD_PREFIX + name, text);
  return list;
}

/** Names of a session's fields as a script takes them. @internal */
export function names(list: readonly string[]): string[] {
  return list.map((name) => FIELD_PREFIX + name);
}

/** The keys that are given. @internal */
export function present(...keys: readonly (string | undefined)[]): string[] {
  return keys.filter((key) => key !== undefined);
}
