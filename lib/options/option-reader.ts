import { nearestName } from './option-names.js';

/** Told of a member that cannot be read, or with `null` of an object whose members cannot even be listed. @internal */
export type UnreadableListener = (key: string | null, message: string) => void;

/**
 * The members of an object of options as a plain object, without those that are `undefined`; arrays are copied.
 *
 * @remarks
 * Options may be an instance of a class (what a `useClass` factory returns): its getters and what it inherits count as well.
 * A method is an option only when its name is one, or nearly one; any other is the class's own business. Methods are bound.
 *
 * @param source - the options as they were given
 * @param known - names of the options that may stand here
 * @param onUnreadable - receives what cannot be read
 * @internal
 */
export function readProperties(
  source: object,
  known: readonly string[],
  onUnreadable: UnreadableListener,
): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [key, isMethod] of listMembers(source, onUnreadable)) {
    if (isMethod && nearestName(key, known) === undefined) continue;
    try {
      const value: unknown = Reflect.get(source, key);
      if (isMethod && typeof value === 'function') values.set(key, value.bind(source));
      else if (value !== undefined) values.set(key, Array.isArray(value) ? Array.from<unknown>(value) : value);
    } catch (error) {
      onUnreadable(key, `cannot be read: that throws ${nameOf(error)}.`);
    }
  }
  return Object.fromEntries(values);
}

/** Names of all members, and whether each is an inherited method; the nearest owner of a name decides. */
function listMembers(source: object, onUnreadable: UnreadableListener): Map<string, boolean> {
  const found = new Map<string, boolean>();
  try {
    for (const owner of ownersOf(source)) {
      const isInherited = owner !== source;
      for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
        const isUseless = (isInherited && key === 'constructor') || (descriptor.set && !descriptor.get);
        if (!isUseless && !found.has(key)) found.set(key, isInherited && typeof descriptor.value === 'function');
      }
    }
  } catch (error) {
    onUnreadable(null, `cannot be read: listing its members throws ${nameOf(error)}.`);
  }
  return found;
}

/** An object and its prototypes, without the root of the chain (`Object.prototype`, also that of another realm). */
function ownersOf(source: object): object[] {
  const owners = [source];
  let parent = prototypeOf(source);
  for (let next; parent !== null && (next = prototypeOf(parent)) !== null; parent = next) owners.push(parent);
  return owners;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'something that is no Error';
}
