import * as z from 'zod';
import { nearestName } from './option-names.js';
import { describeKind, describeValue, isArray, isHost, isObject, isPort } from './option-values.js';

interface Issue {
  readonly input?: unknown;
}

/** The one sentence that a wrong value gets, whichever of its checks failed. */
function mustBe(rule: string, { show = describeValue, advise = adviseNothing }: MessageParts = {}) {
  return {
    error: ({ input }: Issue): string =>
      (input === undefined ? `is missing: it must be ${rule}.` : `must be ${rule}, not ${show(input)}.`) +
      advise(input),
  };
}

interface MessageParts {
  readonly show?: (input: unknown) => string;
  readonly advise?: (input: unknown) => string;
}

function adviseNothing(): string {
  return '';
}

function adviseNumber(input: unknown): string {
  const isText = typeof input === 'string' && input.trim() !== '' && Number.isFinite(Number(input));
  return isText ? ' It is text, as environment variables are: convert it with Number().' : '';
}

/** A whole number within a range. @internal */
export function wholeNumber(min: number, max: number, unit = '') {
  const message = mustBe(`a whole number${unit && ` of ${unit}`} from ${min} to ${max}`, { advise: adviseNumber });
  return z.int(message).min(min, message).max(max, message);
}

/** A duration in milliseconds; a value that looks like seconds is refused with a hint. @internal */
export function milliseconds(min: number, max: number) {
  const advise = (input: unknown): string => {
    const isSeconds =
      typeof input === 'number' && input > 0 && input < min && input * 1000 >= min && input * 1000 <= max;
    return isSeconds ? ` Is that seconds? Then write ${Math.round(input * 1000)}.` : adviseNumber(input);
  };
  const message = mustBe(`a whole number of milliseconds from ${min} to ${max}`, { advise });
  return z.int(message).min(min, message).max(max, message);
}

/** `true` or `false`. @internal */
export function flag() {
  const advise = (input: unknown): string =>
    input === 'true' || input === 'false' ? " It is text, as environment variables are: compare it with 'true'." : '';
  return z.boolean(mustBe('true or false', { advise }));
}

/** One of a few values. @internal */
export function oneOf<const T extends string | number | boolean>(values: readonly T[]) {
  const texts = values.map(String);
  const advise = (input: unknown): string => {
    const nearest = typeof input === 'string' ? nearestName(input, texts) : undefined;
    return nearest === undefined ? '' : ` Did you mean ${describeValue(values[texts.indexOf(nearest)])}?`;
  };
  return z.literal(values, mustBe(listed(values.map(describeValue)), { advise }));
}

/** Text, of which a message shows the value. @internal */
export function text(rule: string, pattern: RegExp, maxLength: number) {
  const message = mustBe(rule);
  return z.string(message).refine((value) => value.length <= maxLength && pattern.test(value), message);
}

/** Text that no message may show. @internal */
export function secretText(rule: string) {
  return z.string(mustBe(rule, { show: describeKind }));
}

/** A host name or an address. @internal */
export function host() {
  const advise = (input: unknown): string =>
    typeof input === 'string' && /:\d+$/.test(input) ? ' Give the port as `port`.' : '';
  return z.custom<string>(isHost, mustBe('a host name or an IP address, without scheme and port', { advise }));
}

/** A TCP port. @internal */
export function port() {
  return z.custom<number>(isPort, mustBe('a port, a whole number from 1 to 65535', { advise: adviseNumber }));
}

/** A function; its arguments are not checked. @internal */
export function callback<T>(signature: string) {
  return z.custom<T>((value) => typeof value === 'function', mustBe(`a function ${signature}`));
}

/** An object that is taken as it is. @internal */
export function opaqueObject<T>(rule: string) {
  return z.custom<T>(isObject, mustBe(rule, { show: describeKind }));
}

/** An array; its members are checked one by one elsewhere. @internal */
export function list<T>(rule: string, minLength = 1) {
  return z.custom<readonly T[]>(
    (value) => isArray(value) && value.length >= minLength,
    mustBe(rule, { show: (value) => (isArray(value) ? 'an empty array' : describeKind(value)) }),
  );
}

/** A value that satisfies a rule; one that cannot even be looked at does not. @internal */
export function satisfying<T>(rule: string, isRight: (value: unknown) => boolean) {
  const isQuietlyRight = (value: unknown): boolean => {
    try {
      return isRight(value);
    } catch {
      return false;
    }
  };
  return z.custom<T>(isQuietlyRight, mustBe(rule, { show: describeKind }));
}

function listed(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
