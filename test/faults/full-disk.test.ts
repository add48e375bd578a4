/** A disk that is full: a small one of memory, in a name space of its own, where the system lets one be made. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { CIFAR, PRETRAIN, succeed } from '../cli/end-to-end/tiny-run.ts';
import { COMMAND } from '../cli/run-command.ts';

const WAYS = [
  ['unshare', '--user', '--map-root-user', '--mount'],
  ['unshare', '--mount'],
];
const way = WAYS.find(([command, ...args]) => {
  const { status } = spawnSync(command!, [...args, 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt']);
  return status === 0;
});
const small = it.runIf(way !== undefined);
if (!way) it('a small disk cannot be made here (unshare, mount): NOT RUN', ({ skip }) => skip());

/** A shell script with a disk of so many bytes at $DISK and the command as $MOCO. */
function onDisk(bytes: number, folder: string, script: string): string {
  const whole = `mount -t tmpfs -o size=${bytes} tmpfs "$DISK" && cd "$DISK" && { ${script}; } 2>&1`;
  const [command, ...args] = way!;
  const { stdout, stderr } = spawnSync(command!, [...args, 'sh', '-c', whole], {
    encoding: 'utf8',
    env: { ...process.env, DISK: folder, MOCO: `${process.execPath} ${COMMAND}` },
  });
  return stdout + stderr;
}

/** All of it but so many bytes. */
const FILL = 'dd if=/dev/zero of=filler bs=1k count=100000 2>/dev/null; truncate -s -8k filler';

small(
  'embed and export onto a full disk → exit code 1, the file of before stays, nothing is left',
  async () => {
    const run = `${await temporaryFolder()}/run`;
    await succeed([...PRETRAIN, '--steps', '1', '--out', run]);
    const embed = `$MOCO embed --checkpoint ${run} --data ${CIFAR} --backend wasm --out e.npy`;
    const told = onDisk(
      300_000,
      await temporaryFolder(),
      `echo old > e.npy; echo old > e.onnx; ${FILL}; ${embed}; echo code $?; ` +
        `$MOCO export --checkpoint ${run} --out e.onnx; echo code $?; cat e.npy e.onnx; ls`,
    );
    expect(told).toMatch(/error: cannot write .*e\.npy: ENOSPC.*\ncode 1\n/);
    expect(told).toMatch(
      /error: cannot write .*e\.onnx: ENOSPC.*\ncode 1\nold\nold\ne\.npy\ne\.onnx\nfiller\n$/,
    );
  },
);

small(
  'no room for the second checkpoint → write-failed, the first stays and can be gone on with',
  async () => {
    const folder = await temporaryFolder();
    const told = onDisk(
      2_000_000,
      folder,
      `$MOCO ${PRETRAIN.slice(0).join(' ')} --steps 4 --checkpoint-every 1 --out run >told & ` +
        'until [ -e run/step-000001/state.json ]; do sleep 0.05; done; ' +
        'dd if=/dev/zero of=filler bs=1k count=100000 2>/dev/null; wait $!; echo code $?; ls run; rm filler; ' +
        '$MOCO pretrain --resume run --backend wasm >/dev/null; echo code $?; ls run',
    );
    expect(told).toMatch(
      /error: cannot write checkpoint step-00000\d in run: ENOSPC.*earlier checkpoints are untouched/,
    );
    expect(told).toMatch(/code 1\nlog\.jsonl\nstep-00000\d\n/);
    expect(told).toMatch(/code 0\n(?:.*\n)*step-000004\n$/);
  },
);
