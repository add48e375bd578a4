import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { MocoError, messageOf } from '../errors.ts';
import { eventFileStart, scalarsRecord } from '../formats/tensorboard.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import type { PretrainEvent } from '../train/events.ts';
import type { LogWriter } from './log.ts';
import { WholeRecords } from './whole-records.ts';

/**
 * Opens an event file for TensorBoard in a folder, a new one each time: the files of one folder are one run to it.
 * @param resumedStep of a run that goes on: it hides what earlier files tell of later steps; null: a new run
 * @throws MocoError usage when it cannot be opened
 */
export async function openTensorboard(folder: string, resumedStep: number | null): Promise<LogWriter> {
  const now = () => Date.now() / 1000;
  const path = `${folder}/events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.0`;
  let file: number;
  try {
    await makeFolder(folder);
    file = openSync(path, 'a');
  } catch (cause) {
    throw new MocoError('usage', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
  const records = new WholeRecords(file, path);
  const [failed] = records.append(eventFileStart(now(), resumedStep === null ? null : resumedStep + 1));
  if (failed) throw new MocoError('usage', failed);
  let step = resumedStep ?? 0;
  return {
    write(event) {
      if (event.type === 'step') step = event.step;
      const scalars = scalarsOf(event);
      // What is measured between steps stands at the last step before it.
      return scalars ? records.append(scalarsRecord(now(), step, scalars)) : [];
    },
    close() {
      closeSync(file);
    },
  };
}

function scalarsOf(event: PretrainEvent): Record<string, number> | null {
  switch (event.type) {
    case 'step': {
      const { loss, acc1, acc5, lr, imagesPerSecond, embeddingStd } = event;
      return {
        ...{ 'train/loss': loss, 'train/acc1': acc1, 'train/acc5': acc5, 'train/lr': lr },
        ...{ 'train/imagesPerSecond': imagesPerSecond, 'train/embeddingStd': embeddingStd },
      };
    }
    case 'knn':
      return { [`knn/${event.features}`]: event.top1 };
    case 'probe': {
      const { top1, top5, uniformity, rankMe } = event;
      return {
        ...{ 'probe/top1': top1, 'probe/top5': top5 },
        ...{ 'features/uniformity': uniformity, 'features/rankMe': rankMe },
      };
    }
    case 'test':
      return { 'test/top1': event.top1, 'test/top5': event.top5 };
    case 'epoch': {
      const { type: _type, epoch: _epoch, ...numbers } = event;
      const told = Object.entries(numbers).filter((entry): entry is [string, number] => entry[1] !== null);
      return Object.fromEntries(told.map(([name, value]) => [`epoch/${name}`, value]));
    }
    default:
      return null;
  }
}
