/** Files under one root folder. Paths are relative to the root, with `/` between names. */
export interface FileStore {
  /** Where the root lies, for messages. */
  readonly root: string;
  /** Bytes of a file, at most `limit` of them. @throws MocoError data-missing; data-invalid when larger */
  read(path: string, limit: number): Promise<Uint8Array>;
  /** Writes a whole file, making its folders, and returns when it is on the disk. @throws what the system says */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Begins a whole file that is written piece by piece; it is on the disk once it is closed. @throws what the system says */
  create(path: string): Promise<FileWriter>;
  /** Puts a written file in the place of another in one go: readers see the old file or the new one. */
  rename(from: string, to: string): Promise<void>;
  /** Names in a folder, sorted by code unit; none when it does not exist. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Removes a file, or a folder and all in it; silent when there is none. */
  remove(path: string): Promise<void>;
}

export interface FileWriter {
  /** One after the other: each waits for the one before. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** Gives up; what was written may stay. */
  abort(): Promise<void>;
}
