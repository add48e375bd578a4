#!/usr/bin/env node
import { main } from './program.ts';
import { processTerminal } from './terminal.ts';

const code = await main(process.argv.slice(2), processTerminal());
// Not process.exit: output that is still on its way to a pipe would be lost. The code may be set already, by output that was lost.
process.exitCode = code || process.exitCode || 0;
