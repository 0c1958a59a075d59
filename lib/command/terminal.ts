import { createInterface } from 'node:readline/promises';

/** The streams and variables that a command works with. @internal */
export interface CommandTerminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly errorOutput: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends a command that would go on for ever. */
  readonly signal: AbortSignal;
}

/** Writes one line. @internal */
export function writeLine({ output }: Pick<CommandTerminal, 'output'>, line = ''): void {
  output.write(`${line}\n`);
}

/** Writes a value as JSON, for other programs. @internal */
export function writeJson(terminal: CommandTerminal, value: unknown): void {
  writeLine(terminal, JSON.stringify(value, undefined, 2));
}

/** Writes rows in columns, each as wide as its widest cell; control characters of foreign text are shown, not obeyed. @internal */
export function writeTable(terminal: CommandTerminal, rows: readonly (readonly string[])[]): void {
  const shown = rows.map((row) => row.map(visible));
  const widths = shown.reduce<number[]>(
    (all, row) => row.map((cell, column) => Math.max(all[column] ?? 0, cell.length)),
    [],
  );
  for (const row of shown) {
    writeLine(
      terminal,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** Whether a person types the given text; `false` when nobody can be asked. @internal */
export async function isTyped(terminal: CommandTerminal, question: string, expected: string): Promise<boolean> {
  const lines = createInterface({ input: terminal.input, output: terminal.output, terminal: false });
  try {
    const answer = await Promise.race([
      lines.question(`${question} `, { signal: terminal.signal }),
      new Promise<string>((resolve) => {
        lines.once('close', () => {
          resolve('');
        });
      }),
    ]);
    return answer.trim() === expected;
  } finally {
    lines.close();
  }
}

function visible(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what a hostile user id would send to the operator's terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (sign) => {
    return `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
