// The parent's side: a peer is a process that takes a step when it is told to, and is silent otherwise.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Peer {
  #child;
  #lines;
  /** The last lines that it wrote to stderr, for the case that it dies. */
  #complaint = '';

  /** @param command [program, …arguments] */
  constructor(name, [program, ...args], options = {}) {
    this.name = name;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.#child.stderr.on('data', (text) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.on('error', (error) => {
      this.#complaint = error.message;
    });
  }

  /** @returns { ready, cases, parameters, versions } or { unavailable } */
  async ready() {
    return this.#answer('unavailable');
  }

  /** @returns { seconds: [each step], losses: [each step] } or { failed } */
  async run(name, steps) {
    this.#tell({ case: name, steps });
    return this.#answer('failed');
  }

  /** The peer may forget what it keeps for a case. */
  drop(name) {
    this.#tell({ case: name, drop: true });
  }

  end() {
    this.#child.kill();
  }

  #tell(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  async #answer(otherwise) {
    const { value } = await this.#lines.next();
    if (value !== undefined) return JSON.parse(value);
    const lines = this.#complaint.trim().split('\n');
    const error = lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1);
    return { [otherwise]: error || `it ended with ${this.#child.signalCode ?? this.#child.exitCode}` };
  }
}
