import type { Server } from 'node:http';

/** A server of web/dist at an address of this machine. @param port 0: any that is free */
export function serve(port?: number, under?: string): Promise<{ server: Server; address: string }>;
