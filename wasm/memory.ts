/**
 * Memory of the kernels: a first-fit free list over the imported shared memory.
 *
 * Training holds a few hundred arrays for hours and takes scratch at each step, so what counts is that freed space
 * comes back whole: the list is kept in address order and neighbors are joined when they are freed.
 * A block is a header of 16 bytes (its whole size; when free, the next free block) and a payload of whole 16 bytes.
 */

const HEADER: usize = 16;
const PAGE: usize = 65536;

let firstFree: usize = 0;
let heapEnd: usize = 0;
let bytesInUse: usize = 0;
let blocksInUse: i32 = 0;

function sizeOf(block: usize): usize {
  return load<usize>(block);
}

function nextOf(block: usize): usize {
  return load<usize>(block, 4);
}

/** Puts a block back in address order and joins it with the neighbors that touch it. */
function insert(block: usize, size: usize): void {
  let previous: usize = 0;
  let next = firstFree;
  while (next != 0 && next < block) {
    previous = next;
    next = nextOf(next);
  }
  if (next != 0 && block + size == next) {
    size += sizeOf(next);
    next = nextOf(next);
  }
  if (previous != 0 && previous + sizeOf(previous) == block) {
    store<usize>(previous, sizeOf(previous) + size);
    store<usize>(previous, next, 4);
    return;
  }
  store<usize>(block, size);
  store<usize>(block, next, 4);
  if (previous == 0) firstFree = block;
  else store<usize>(previous, block, 4);
}

/** Adds pages so that a block of `size` fits behind what is there. The host keeps the memory under 4 GiB, so that
 * heapEnd never wraps to zero. */
function grow(size: usize): bool {
  if (heapEnd == 0) {
    heapEnd = (__heap_base + 15) & ~15;
    const end = <usize>memory.size() * PAGE;
    if (end >= heapEnd + 2 * HEADER) {
      const start = heapEnd;
      heapEnd = end;
      insert(start, end - start);
      return true;
    }
  }
  // What is free at the very end is part of the new block.
  let last = firstFree;
  while (last != 0 && nextOf(last) != 0) last = nextOf(last);
  const missing = last != 0 && last + sizeOf(last) == heapEnd ? size - sizeOf(last) : size;
  const pages = (missing + PAGE - 1) / PAGE;
  const before = memory.grow(<i32>pages);
  if (before < 0) return false;
  const start = <usize>before * PAGE;
  heapEnd = start + pages * PAGE;
  insert(start, pages * PAGE);
  return true;
}

/** `bytes` zeroed bytes at a multiple of 16, or 0 where there is no memory left. */
export function allocate(bytes: usize): usize {
  if (bytes > 0xffff0000) return 0;
  const size = ((bytes + 15) & ~15) + HEADER;
  for (;;) {
    let previous: usize = 0;
    let block = firstFree;
    while (block != 0 && sizeOf(block) < size) {
      previous = block;
      block = nextOf(block);
    }
    if (block == 0) {
      if (!grow(size)) return 0;
      continue;
    }
    let next = nextOf(block);
    const rest = sizeOf(block) - size;
    if (rest >= 2 * HEADER) {
      const tail = block + size;
      store<usize>(tail, rest);
      store<usize>(tail, next, 4);
      next = tail;
      store<usize>(block, size);
    }
    if (previous == 0) firstFree = next;
    else store<usize>(previous, next, 4);
    bytesInUse += sizeOf(block);
    blocksInUse += 1;
    memory.fill(block + HEADER, 0, size - HEADER);
    return block + HEADER;
  }
}

/** Gives back what `allocate` returned; 0 is ignored. */
export function free(pointer: usize): void {
  if (pointer == 0) return;
  const block = pointer - HEADER;
  const size = sizeOf(block);
  bytesInUse -= size;
  blocksInUse -= 1;
  insert(block, size);
}

/** Bytes taken by live blocks, headers included. */
export function heapBytes(): usize {
  return bytesInUse;
}

/** How many blocks are live. */
export function liveBlocks(): i32 {
  return blocksInUse;
}
