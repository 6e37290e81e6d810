// What survives between the steps of a lesson: guesses, facts that widgets have measured, a worker for training.
import { Engine, type Port } from "../engine/client";
import { language } from "../i18n/index.svelte";
import { say, write, type Facts } from "../lessons/say";
import type { Guess, Pair } from "../lessons/types";
import words from "../lessons/words.json";

export type WordKey = keyof typeof words;

class Lessons {
  /** "lesson.step" → the option, or the number. */
  guesses = $state<Record<string, number>>({});
  facts = $state<Facts>({});
  /** Lessons that have been seen to the end since the page was opened. */
  done = $state<Record<string, true>>({});
  #bench: { engine: Engine; port: Port } | null = null;

  /** A widget tells what it has found. */
  fact(name: string, value: number | string): void {
    if (this.facts[name] !== value) this.facts[name] = value;
  }

  /** A worker of the lessons' own: their training leaves the run of Learn as it is. */
  get bench(): Engine {
    if (!this.#bench) {
      const port = new Worker(new URL("../engine/worker/main.ts", import.meta.url), {
        type: "module",
      }) as Port;
      this.#bench = { engine: new Engine(port), port };
    }
    return this.#bench.engine;
  }

  /** The lessons are left: their worker and its digits go. */
  leave(): void {
    this.#bench?.port.terminate?.();
    this.#bench = null;
  }
}

export const lessons = new Lessons();

/** Words of a lesson with the facts of now; reactive. */
export const tell = (pair: Pair): string => say(pair, language(), lessons.facts);

/** Words of the player and its widgets. */
export const w = (key: WordKey, values: Facts = {}): string =>
  say(words[key] as Pair, language(), values);

/** A number as the lessons write it. */
export const figure = (value: number | string, format = ""): string =>
  write(value, format, language());

/** What turned out: the words to set beside a guess; null until it is known. */
export function outcome(guess: Guess): string | null {
  if (guess.kind === "number") {
    const found = lessons.facts[guess.answer];
    return found === undefined ? null : figure(found, guess.format);
  }
  const which = typeof guess.answer === "number" ? guess.answer : lessons.facts[guess.answer];
  return which === undefined ? null : tell(guess.options[Number(which)]);
}
