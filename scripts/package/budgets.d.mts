export declare const BUDGETS: Readonly<Record<'index' | 'kernels' | 'onnx' | 'conformance', number>>;
export declare function firstScripts(
  entry: string,
  imports?: string,
  dist?: string,
): Promise<{ bytes: number; inputs: string[]; files: string[] }>;
export declare function distBytes(dist?: string): Promise<number>;
