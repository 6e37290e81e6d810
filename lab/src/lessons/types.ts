// A lesson is data: steps of four kinds, words in both languages, the widget each step shows.

export type Kind = "predict" | "act" | "surprise" | "sentence";
export const KINDS: Kind[] = ["predict", "act", "surprise", "sentence"];

/** The same words in both languages. {name} is a fact that a widget has measured, see say.ts. */
export interface Pair {
  en: string;
  zh: string;
}

/** What is asked before anything is shown. */
export type Guess =
  | { kind: "choice"; options: Pair[]; answer: number | string } // the option, or the fact that is its number
  | {
      kind: "number";
      least: number;
      most: number;
      by: number;
      /** How the number is shown: as in say.ts. */
      format: string;
      answer: string; // a fact
    };

export interface Step {
  kind: Kind;
  say: Pair;
  /** A quieter second paragraph. */
  more?: Pair;
  guess?: Guess; // of predict
  widget?: string;
  options?: Record<string, unknown>;
  /** Of sentence: what it is like, and where the likeness ends. */
  like?: Pair;
  breaks?: Pair;
  /** Of sentence: what is often said, put right. */
  kindly?: Pair;
}

/** Where a number in the words comes from: worked out, or written in a document of the project. */
export interface Claim {
  value: string;
  from?: string; // an expression of numbers, worked out by a test
  doc?: string;
  quote?: string; // words that stand in it
  note: Pair;
}

export interface Lesson {
  id: string;
  title: Pair;
  /** The question on the list. */
  asks: Pair;
  steps: Step[];
  claims?: Claim[];
}
