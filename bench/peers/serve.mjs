// The child's side of what run.mjs says to a peer, for the peers in JavaScript. See README.md for the lines.
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/**
 * @param open → { cases, parameters, versions, step(name): Promise<loss> }; where it throws, the peer is unavailable
 */
export async function serve(open) {
  // What libraries print must not come between the lines.
  console.log = console.info = console.debug = console.warn = console.error;
  let peer;
  try {
    peer = await open();
  } catch (error) {
    say({ unavailable: firstLine(error) });
    process.exit();
  }
  const { cases, parameters, versions } = peer;
  say({ ready: true, cases, parameters, versions });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    if (command.drop) continue;
    try {
      const [seconds, losses] = [[], []];
      for (let i = 0; i < command.steps; i++) {
        const begun = performance.now();
        losses.push(await peer.step(command.case));
        seconds.push((performance.now() - begun) / 1000);
      }
      say({ seconds, losses });
    } catch (error) {
      say({ failed: firstLine(error) });
    }
  }
  process.exit();
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0];
}
