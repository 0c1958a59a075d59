#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

const ending = new AbortController();
process.once('SIGINT', () => {
  ending.abort();
});
process.exitCode = await runCommandLine(process.argv.slice(2), {
  input: process.stdin,
  output: process.stdout,
  errorOutput: process.stderr,
  env: process.env,
  signal: ending.signal,
});
