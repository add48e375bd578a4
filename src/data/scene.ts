import { cos, sin } from '../math.ts';
import type { Random } from '../random.ts';
import type { DrawnClass } from './drawn.ts';

/** 0 … 255 each, not rounded. */
export type Colour = readonly [number, number, number];

/** One figure, in a square picture of side 1 with y downwards. */
export interface Figure {
  shape: DrawnClass | 'line';
  x: number;
  y: number;
  /** Radius of the circle around it. */
  radius: number;
  cos: number;
  sin: number;
  /** Texture: how many periods across the figure, and where they start. Line: its half-width over its radius. */
  period: number;
  phase: number;
  /** Of textures: the outline they fill. */
  outline: 'disc' | 'square';
  colour: Colour;
  /** The other colour of a texture. */
  second: Colour;
}

/** What is in a picture, before there are pixels. Later figures cover earlier ones. */
export interface Scene {
  /** Background: from `colour` to `colour + slope` along a direction, plus smooth random blotches. */
  colour: Colour;
  slope: Colour;
  cos: number;
  sin: number;
  /** [cells + 1]² values of the blotches, in grey levels, and how many cells a side. */
  blotches: Float64Array;
  cells: number;
  figures: Figure[];
  /** Standard deviation of the noise of each pixel, in grey levels. */
  noise: number;
}

const TWO_PI = 6.283185307179586;
/** Least difference of luma between a figure and what lies behind it. */
const CONTRAST = 55;

/** Invents a picture of a class. Everything but shape and texture is drawn alike for all classes. */
export function drawScene(shape: DrawnClass, random: Random): Scene {
  const colour = randomColour(random);
  const angle = TWO_PI * random.uniform();
  const cells = 2 + random.integer(5);
  const strength = random.between(4, 28);
  const scene: Scene = {
    colour,
    slope: [random.between(-60, 60), random.between(-60, 60), random.between(-60, 60)],
    cos: cos(angle),
    sin: sin(angle),
    blotches: Float64Array.from({ length: (cells + 1) ** 2 }, () => random.between(-strength, strength)),
    cells,
    figures: [],
    noise: random.between(2, 12),
  };
  // Clutter lies behind, small, and is the same for all classes.
  for (let i = random.integer(5); i > 0; i--) {
    scene.figures.push(figure('line', random.between(0.1, 0.4), colour, random));
  }
  // One large figure, and smaller ones of its class, so that most crops hold something of it.
  const ink = contrasting(colour, random);
  const second = contrasting(ink, random);
  const small = 1 + random.integer(3);
  for (let i = 0; i < small; i++)
    scene.figures.push(figure(shape, random.between(0.13, 0.22), colour, random, ink, second));
  scene.figures.push(figure(shape, random.between(0.28, 0.46), colour, random, ink, second));
  return scene;
}

function figure(
  shape: Figure['shape'],
  radius: number,
  behind: Colour,
  random: Random,
  ink: Colour = contrasting(behind, random),
  second: Colour = ink,
): Figure {
  const angle = TWO_PI * random.uniform();
  // A large figure stays near the middle, a small one may lie anywhere.
  const margin = Math.min(0.5, radius * 0.8);
  return {
    shape,
    x: random.between(margin, 1 - margin),
    y: random.between(margin, 1 - margin),
    radius,
    cos: cos(angle),
    sin: sin(angle),
    // Periods are bound to the size of the picture, so that small figures have the same texture as large ones.
    period: shape === 'line' ? random.between(0.04, 0.15) : random.between(0.15, 0.22) / radius,
    phase: random.uniform(),
    outline: random.uniform() < 0.5 ? 'disc' : 'square',
    colour: ink,
    second,
  };
}

function randomColour(random: Random): Colour {
  return [random.between(20, 235), random.between(20, 235), random.between(20, 235)];
}

function luma([red, green, blue]: Colour): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/** A random colour that can be told from another one without colour vision; about every second draw is. */
function contrasting(other: Colour, random: Random): Colour {
  let best = randomColour(random);
  for (let i = 0; i < 16; i++) {
    const difference = Math.abs(luma(best) - luma(other));
    if (difference >= CONTRAST) return best;
    const candidate = randomColour(random);
    if (Math.abs(luma(candidate) - luma(other)) > difference) best = candidate;
  }
  return best;
}
