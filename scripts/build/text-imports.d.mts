export function bundleScript(path: string): Promise<{ text: string; files: string[] }>;
