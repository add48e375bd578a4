import type { Command } from 'commander';
import { embedImages } from '../evaluate/evaluate-checkpoint.ts';
import { EMBEDDING_FORMATS, embeddingFormat, writeEmbeddings } from './embedding-files.ts';
import { addEncoderOptions, type EncoderOptions, encoderJob } from './encoder-job.ts';
import type { Terminal } from './terminal.ts';

interface EmbedOptions extends EncoderOptions {
  out: string;
}

export function registerEmbed(program: Command, terminal: Terminal): void {
  const command = program.command('embed').description('embeddings of images, to a file');
  addEncoderOptions(command)
    .requiredOption('--out <file>', `where to: a name ending in ${EMBEDDING_FORMATS.join(', ')}`)
    .action((options: EmbedOptions) => runEmbed(options, terminal));
}

export async function runEmbed(
  options: EmbedOptions,
  terminal: Terminal,
  embed: typeof embedImages = embedImages,
): Promise<void> {
  embeddingFormat(options.out);
  const rows = await writeEmbeddings(options.out, embed(await encoderJob(options, terminal)));
  terminal.out(`${rows} embeddings in ${options.out}`);
}
