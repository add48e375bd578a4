// Frameworks that render a page on a server first: what they import there must not fail, and the page trains.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { resultOf } from '../page.mjs';
import { PROGRAM } from '../program.mjs';
import { run, sizeOf, versionOf, writeFiles } from '../project.mjs';

const FILES = {
  'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;\n',
  'app/program.js': PROGRAM,
  // Imported where the page is rendered on the server, too.
  'app/page.js': `'use client';
import { useEffect, useState } from 'react';
import * as library from 'moco-web';
import { trainAndEmbed } from './program.js';
export default function Page() {
  const [text, setText] = useState('chance ' + library.PRESET_NAMES.length);
  useEffect(() => {
    globalThis.result = trainAndEmbed(library, 'run').then(
      (result) => { setText('trained'); return result; },
      (error) => ({ error: (error.code ?? error.name) + ': ' + error.message }),
    );
  }, []);
  return <p>{text}</p>;
}
`,
  'next.config.mjs': 'export default {};\n',
};

function nextPage(bundler, flag) {
  return {
    name: `Next, ${bundler}`,
    packages: ['next', 'react', 'react-dom'],
    settings: 'none',
    inPage: true,
    async run(folder) {
      const program = join(folder, 'node_modules/next/dist/bin/next');
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
      await writeFiles(folder, FILES);
      const begun = performance.now();
      await run(process.execPath, [program, 'build', flag], { cwd: folder, env });
      const seconds = (performance.now() - begun) / 1000;
      const { bytes, files } = await sizeOf(join(folder, '.next/static'));
      const server = spawn(process.execPath, [program, 'start', '-p', '0', '-H', '127.0.0.1'], {
        cwd: folder,
        env,
      });
      try {
        const address = await new Promise((resolve, reject) => {
          let said = '';
          const hear = (data) => {
            said += data;
            const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
            if (found) resolve(`${found[0]}/`);
          };
          server.stdout.on('data', hear);
          server.stderr.on('data', hear);
          server.on('exit', () => reject(new Error(`next start ended: ${said}`)));
        });
        const rendered = await (await fetch(address)).text();
        if (!rendered.includes('chance ')) throw new Error('the server did not render the page');
        return {
          version: await versionOf(folder, 'next'),
          built: { seconds, bytes, files },
          result: await resultOf(address),
        };
      } finally {
        server.kill();
      }
    },
  };
}

export const FRAMEWORKS = [nextPage('webpack', '--webpack'), nextPage('Turbopack', '--turbopack')];
