#!/usr/bin/env node
import { main } from './program.ts';
import { processTerminal } from './terminal.ts';

// Not process.exit: output that is still on its way to a pipe would be lost.
process.exitCode = await main(process.argv.slice(2), processTerminal());
