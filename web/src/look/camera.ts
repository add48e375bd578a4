/** Which part of the map is seen: points of 0 … 1 on a canvas of so many pixels. */
export class Camera {
  /** In the middle of the canvas. */
  x = 0.5;
  y = 0.5;
  /** 1: all of the map. */
  zoom = 1;
  width = 1;
  height = 1;

  get #pixels(): number {
    return this.zoom * 0.92 * Math.min(this.width, this.height);
  }

  screen(x: number, y: number): [number, number] {
    return [(x - this.x) * this.#pixels + this.width / 2, (y - this.y) * this.#pixels + this.height / 2];
  }

  move(dx: number, dy: number): void {
    this.x = inside(this.x - dx / this.#pixels);
    this.y = inside(this.y - dy / this.#pixels);
  }

  /** What is under this place of the canvas stays there. */
  zoomAt(factor: number, px = this.width / 2, py = this.height / 2): void {
    const before = this.#pixels;
    this.zoom = Math.min(40, Math.max(1, this.zoom * factor));
    const change = 1 / before - 1 / this.#pixels;
    this.x = inside(this.x + (px - this.width / 2) * change);
    this.y = inside(this.y + (py - this.height / 2) * change);
  }

  whole(): void {
    this.x = this.y = 0.5;
    this.zoom = 1;
  }

  /** The point nearest to a place of the canvas, at most so many pixels away. */
  nearest(points: Float32Array, px: number, py: number, within: number): number | null {
    let best: number | null = null;
    let least = within * within;
    for (let i = 0; i < points.length / 2; i++) {
      const [x, y] = this.screen(points[2 * i]!, points[2 * i + 1]!);
      const distance = (x - px) ** 2 + (y - py) ** 2;
      if (distance > least) continue;
      least = distance;
      best = i;
    }
    return best;
  }
}

const inside = (value: number): number => Math.min(1, Math.max(0, value));
