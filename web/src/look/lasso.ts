/** A loop drawn around points of the map. */

/** x, y of corners in turn. */
export type Loop = readonly number[];

/** A corner is added when it is so many pixels from the one before: long loops stay short lists. */
const APART = 3;

export function extended(loop: Loop, x: number, y: number): Loop {
  const [lastX, lastY] = loop.slice(-2);
  const isNear = lastX !== undefined && Math.hypot(x - lastX, y - lastY!) < APART;
  return isNear ? loop : [...loop, x, y];
}

/** By how often a ray from the point crosses the loop, which is closed. */
export function isInside(loop: Loop, x: number, y: number): boolean {
  let inside = false;
  let [fromX, fromY] = loop.slice(-2) as [number, number];
  for (let i = 0; i < loop.length; i += 2) {
    const [toX, toY] = [loop[i]!, loop[i + 1]!];
    const crosses = fromY > y !== toY > y && x < fromX + ((toX - fromX) * (y - fromY)) / (toY - fromY);
    if (crosses) inside = !inside;
    [fromX, fromY] = [toX, toY];
  }
  return inside;
}
