// The worker itself.

import kernelUrl from "../../../generated/kernel.wasm?url";
import type { FromWorker, ToWorker } from "../protocol";
import { Host } from "./host";

declare const self: DedicatedWorkerGlobalScope;

const compile = async (): Promise<WebAssembly.Module> => {
  const response = await fetch(new URL(kernelUrl, self.location.href));
  if (!response.ok) throw new Error(`kernel.wasm: ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer()); // whatever type the host gives the file
};

const post = (message: FromWorker, transfer: Transferable[] = []): void =>
  self.postMessage(message, transfer);

const host = new Host(post, (url) => fetch(url), compile);
self.onmessage = ({ data }: MessageEvent<ToWorker>) => void host.receive(data);
