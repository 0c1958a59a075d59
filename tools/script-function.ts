import type { HeaderItem, HeaderOutcome, ScriptHeader } from './script-header.js';
import { argType, replyType } from './script-header.js';

/** The TypeScript of one script: its text, the types of its keys, arguments and replies, and the function that runs it. */
export function functionOf(header: ScriptHeader, text: string, sha1: string): string {
  const pascal = header.name.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase());
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const constant = header.name.replaceAll('-', '_').toUpperCase();
  const { args } = header;
  const counted = new Set(args.filter(({ isList }) => isList).map(({ name }) => `${name}Count`));
  const given = args.filter(({ name }) => !counted.has(name));
  const parameters = [`link: ScriptLink`, `keys: ${pascal}Keys`, ...(given.length > 0 ? [`args: ${pascal}Args`] : [])];
  return [
    `/** The script \`${header.name}\`, which {@link ${camel}} runs. @internal */`,
    `export const ${constant}: Script = Object.freeze({`,
    `  name: '${header.name}',`,
    `  isWrite: ${String(header.isWrite)},`,
    `  sha1: '${sha1}',`,
    `  text: ${JSON.stringify(text)},`,
    `});`,
    '',
    `/** Keys of {@link ${camel}}. @internal */`,
    ...interfaceOf(`${pascal}Keys`, header.keys, () => 'string'),
    '',
    ...(given.length > 0
      ? [
          `/** Arguments of {@link ${camel}}. @internal */`,
          ...interfaceOf(`${pascal}Args`, given, ({ type, isList }) => argType(type, isList) ?? 'never'),
          '',
        ]
      : []),
    ...replyTypeOf(header, camel, pascal),
    `/** ${header.summary.charAt(0).toUpperCase()}${header.summary.slice(1)} @internal */`,
    `export function ${camel}(${parameters.join(', ')}): Promise<${pascal}Reply> {`,
    `  const run = ${constant};`,
    `  return link.execute({ run, keys: ${keysOf(header.keys)}, args: ${listOf(args, counted)} }).then((reply) => {`,
    ...readerOf(header),
    '  });',
    '}',
  ].join('\n');
}

function interfaceOf(name: string, items: readonly HeaderItem[], typeOf: (item: HeaderItem) => string): string[] {
  const members = items.flatMap((item) => [
    ...(item.note ? [`  /** ${item.note} */`] : []),
    `  readonly ${item.name}${item.isOptional ? '?' : ''}: ${typeOf(item)}${item.isOptional ? ' | undefined' : ''};`,
  ]);
  return [`export interface ${name} {`, ...members, '}'];
}

function replyTypeOf({ reply }: ScriptHeader, camel: string, pascal: string): string[] {
  const head = `/** Reply of {@link ${camel}}. @internal */`;
  if (reply.kind === 'value') return [head, `export type ${pascal}Reply = ${replyType(reply.value)};`, ''];
  const members = reply.outcomes.map(({ name, values, note }) => {
    const all = [`readonly outcome: '${name}'`, 'readonly nowMs: number', ...values.map(memberOf)];
    return `  /** ${note} */\n  | { ${all.join('; ')} }`;
  });
  return [head, `export type ${pascal}Reply =`, `${members.join('\n')};`, ''];
}

function memberOf(item: HeaderItem): string {
  return `readonly ${item.name}: ${replyType(item)}${item.isOptional ? ' | undefined' : ''}`;
}

function keysOf(keys: readonly HeaderItem[]): string {
  const all = keys.map(({ name }) => `keys.${name}`).join(', ');
  return keys.some(({ isOptional }) => isOptional) ? `present(${all})` : `[${all}]`;
}

/** The arguments as texts; a list's count is its own. */
function listOf(args: readonly HeaderItem[], counted: ReadonlySet<string>): string {
  const texts = args.map(({ name, type, isList }) => {
    if (counted.has(name)) {
      const list = name.slice(0, -'Count'.length);
      return `String(args.${list}.${args.find((arg) => arg.name === list)?.type === 'fields' ? 'size' : 'length'})`;
    }
    if (isList) return `...${type === 'texts' ? `args.${name}` : `${type}(args.${name})`}`;
    if (type === 'flag') return `args.${name} ? '1' : '0'`;
    return type === 'ms' || type === 'count' ? `String(args.${name})` : `args.${name}`;
  });
  return `[${texts.join(', ')}]`;
}

function readerOf({ reply }: ScriptHeader): string[] {
  if (reply.kind === 'value') {
    const { isList } = reply.value;
    return [`    return ${isList ? 'textsReply' : 'numberReply'}(run, reply);`];
  }
  const done = reply.outcomes.find(({ name }) => name === 'done');
  const refused = reply.outcomes.filter(({ name }) => name !== 'done');
  return [
    '    const read = new ScriptReply(run, reply);',
    '    const { nowMs } = read;',
    ...(done ? [`    if (read.isDone) return ${objectOf(done, 2)};`] : []),
    '    switch (read.reason) {',
    ...refused.flatMap((outcome) => [`      case '${outcome.name}':`, `        return ${objectOf(outcome, 3)};`]),
    '      default:',
    '        throw read.unexpected();',
    '    }',
  ];
}

function objectOf({ name, values }: HeaderOutcome, first: number): string {
  const members = values.map((value, index) => `${value.name}: read.${readerName(value)}(${first + index})`);
  return `{ ${[`outcome: '${name}'`, 'nowMs', ...members].join(', ')} }`;
}

function readerName({ type, isList, isOptional }: HeaderItem): string {
  if (isList) return 'texts';
  const kind = type === 'text' ? 'text' : 'number';
  return isOptional ? `optional${kind.charAt(0).toUpperCase()}${kind.slice(1)}` : kind;
}
