import type * as z from 'zod';
import type { SessionConfigurationFault } from '../errors/session-configuration.error.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { nearestName } from './option-names.js';
import { readProperties } from './option-reader.js';
import { describeKind, isObject } from './option-values.js';

/** One object of options: where it stands and what may stand in it. @internal */
export interface OptionsPlace {
  /** Empty for the options as a whole. */
  readonly path: string;
  /** Where to go with a name that is known elsewhere. */
  readonly hints?: Readonly<Record<string, string>> | undefined;
  /** Names to suggest beside those of the schema. */
  readonly relatedNames?: readonly string[] | undefined;
}

/** Gathers all faults, so that one error lists them. @internal */
export class OptionFaults {
  readonly #faults: SessionConfigurationFault[] = [];

  /** Notes a fault. */
  add(path: string, message: string): void {
    this.#faults.push({ path, message });
  }

  /** Whether there is a fault at a path or beneath it. */
  has(path: string): boolean {
    return this.#faults.some(
      (fault) => fault.path === path || ['.', '['].some((mark) => fault.path.startsWith(path + mark)),
    );
  }

  /**
   * Checks one object of options by its schema and returns the members that are right. Members that are `undefined` count as
   * absent; inherited ones and getters are read.
   */
  check<S extends z.ZodObject>(schema: S, input: unknown, place: OptionsPlace): Partial<z.output<S>> {
    if (!isObject(input)) {
      this.add(place.path, `must be an object with options, not ${describeKind(input)}.`);
      return {};
    }
    const known = Object.keys(schema.shape);
    const values = readProperties(input, known, (key, message) =>
      this.add(key === null ? place.path : join(place.path, key), message),
    );
    const { error } = schema.safeParse(values);
    const wrong = new Set<PropertyKey | undefined>();
    for (const issue of error?.issues ?? []) {
      const [key] = issue.path;
      if (issue.code === 'unrecognized_keys') {
        for (const name of issue.keys) this.add(join(place.path, name), unknownName(name, known, place));
      } else if (key !== undefined && !wrong.has(key)) {
        // A value that fails several checks gets one sentence, which covers them all.
        wrong.add(key);
        this.add(join(place.path, key), issue.message);
      }
    }
    return Object.fromEntries(
      Object.entries(values).filter(([key]) => known.includes(key) && !wrong.has(key)),
    ) as Partial<z.output<S>>;
  }

  /**
   * Ends the check.
   *
   * @throws SessionConfigurationError when there is a fault; the faults are in the order of `order`, names of top-level options.
   */
  throwIfAny(order: readonly string[]): void {
    if (this.#faults.length === 0) return;
    const rank = ({ path }: SessionConfigurationFault): number => {
      const index = order.indexOf(path.split(/[.[]/, 1)[0] ?? '');
      return path === '' ? -1 : index === -1 ? order.length : index;
    };
    throw new SessionConfigurationError(this.#faults.toSorted((a, b) => rank(a) - rank(b)));
  }
}

function join(path: string, key: PropertyKey): string {
  return path === '' ? String(key) : `${path}.${String(key)}`;
}

function unknownName(name: string, known: readonly string[], { hints = {}, relatedNames = [] }: OptionsPlace): string {
  if (Object.hasOwn(hints, name)) return `is not an option here: ${hints[name]}.`;
  const nearest = nearestName(name, [...known, ...relatedNames]);
  const suggestion = nearest === undefined ? '' : ` Did you mean \`${nearest}\`?`;
  return `is not an option.${suggestion} Allowed: ${known.join(', ')}.`;
}
