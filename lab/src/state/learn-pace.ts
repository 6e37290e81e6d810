// The pace of watching: one image a frame, then 2, 4, 8 …, so that the eye can follow each and nobody waits.

export const PACES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;
/** How long each pace lasts while it speeds up by itself, in ms. */
export const DWELL = 4000;

export const faster = (pace: number): number => PACES.find((one) => one > pace) ?? pace;
export const slower = (pace: number): number =>
  [...PACES].reverse().find((one) => one < pace) ?? pace;

/** The pace after so many ms of running by itself. */
export function paceAfter(ms: number, from = 1): number {
  const at = Math.max(0, PACES.indexOf(from as (typeof PACES)[number]));
  return PACES[Math.min(PACES.length - 1, at + Math.floor(ms / DWELL))];
}
