/**
 * The session's id in what a test has at hand: the id itself, a cookie's value, a `Cookie` header, or one or several
 * `Set-Cookie` lines. The signature is not checked. `null` when the cookie is not among them.
 *
 * @internal
 */
export function sessionIdIn(source: string | readonly string[], cookieName: string): string | null {
  const lines = [source].flat();
  const pairs = lines.flatMap((line) => line.split(';')).map((pair) => pair.trim());
  const own = pairs.find((pair) => pair.startsWith(`${cookieName}=`));
  if (own !== undefined) {
    return idIn(own.slice(cookieName.length + 1));
  }
  const isNoCookie = pairs.length === 1 && pairs[0] !== '' && !pairs[0]?.includes('=');
  return isNoCookie ? idIn(pairs[0] ?? '') : null;
}

/** Of `s:<id>.<signature>`, as it is or percent-encoded, the id; anything else is an id already. */
function idIn(value: string): string | null {
  if (!/^s(:|%3A)/i.test(value)) {
    return value === '' ? null : value;
  }
  const signed = decodeURIComponent(value).slice(2);
  return signed.slice(0, signed.lastIndexOf('.'));
}
