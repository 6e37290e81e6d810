// What holds for the whole page: where the visitor is, how it looks, which networks are there.
import { readPalette } from "../components/common/palette.svelte";
import { readModel } from "../core/safetensors";
import { Engine } from "../engine/client";
import type { Model, Settings } from "../engine/protocol";
import { language, useLanguage, type Language } from "../i18n/index.svelte";
import { HOME, readAddress, writeAddress, type Address, type Depth } from "./address";

export type ModelName = "plain" | "honest" | "given";

export interface FirstDigit {
  set: "train" | "test";
  index: number;
  pixels: number[];
  label: number;
  answers: number[];
  /** The network that wavers on it, and that See shows; "plain" where nothing is said. */
  model?: "plain" | "honest";
}

interface ModelsTable {
  plain: string;
  honest?: string | null;
  given?: string | null;
  first: FirstDigit;
  /** What each network is asked to promise; state/verdict.ts has the usual one. */
  risk?: Partial<Record<ModelName, number>>;
}

class Lab {
  depth = $state<Depth>("see");
  place = $state("");
  /** The step of a lesson, from 0. */
  step = $state(0);
  theme = $state<"paper" | "chalkboard" | null>(null);
  print = $state<"large" | null>(null);
  /** Point at anything: what is touched explains itself instead of acting. */
  help = $state(false);
  /** What a link asked for beside what a depth starts with; the depth takes what it knows. */
  settings = $state.raw<Partial<Settings>>({});
  /** The drawing as the address has it; state/see.svelte.ts keeps it. */
  drawing = $state.raw("");

  models = $state.raw<Partial<Record<ModelName, Model>>>({});
  first = $state.raw<FirstDigit | null>(null);
  shown = $state<ModelName>("plain");
  /** The network that See and the lessons show. */
  model = $derived(this.models[this.shown] ?? null);
  /** True once the page could not get its files: said in one line. */
  broken = $state(false);

  #chosenLanguage: Language | null = null;
  #timer = 0;
  #engine: Engine | null = null;

  /** The worker with kernel and digits: the first who asks starts it. */
  get engine(): Engine {
    this.#engine ??= new Engine();
    return this.#engine;
  }

  /** Goes to a depth or a place in it; the browser's "back" returns. */
  go(depth: Depth, place = "", step = 0): void {
    if (depth === this.depth && place === this.place && step === this.step) return;
    const elsewhere = depth !== this.depth || place !== this.place;
    this.depth = depth;
    this.place = place;
    this.step = step;
    if (elsewhere) history.pushState(null, "", writeAddress(this.address()));
    else this.remember();
    if (elsewhere) scrollTo({ top: 0 });
  }

  speak(next: Language): void {
    this.#chosenLanguage = next;
    useLanguage(next);
    this.remember();
  }

  look(theme: "paper" | "chalkboard" | null): void {
    this.theme = theme;
    this.#dress();
    this.remember();
  }

  enlarge(print: "large" | null): void {
    this.print = print;
    this.#dress();
    this.remember();
  }

  address(): Address {
    return {
      ...HOME,
      depth: this.depth,
      place: this.place,
      step: this.step,
      language: this.#chosenLanguage,
      theme: this.theme,
      print: this.print,
      settings: this.settings,
      drawing: this.drawing,
    };
  }

  /** Writes the address a little later: many changes in a row are one. */
  remember(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(
      () => history.replaceState(null, "", writeAddress(this.address())),
      300,
    );
  }

  /** A link to this very place: what a teacher sends. */
  link(): string {
    return location.href.split("#")[0] + writeAddress(this.address());
  }

  /** Takes over what the address says. Returns its drawing, for See. */
  arrive(): string {
    const address = readAddress(location.hash);
    this.depth = address.depth;
    this.place = address.place;
    this.step = address.step;
    this.theme = address.theme;
    this.print = address.print;
    this.settings = address.settings;
    this.drawing = address.drawing;
    this.#chosenLanguage = address.language;
    useLanguage(address.language ?? language());
    this.#dress();
    return address.drawing;
  }

  #dress(): void {
    const { dataset } = document.documentElement;
    if (this.theme) dataset.theme = this.theme;
    else delete dataset.theme;
    if (this.print) dataset.print = this.print;
    else delete dataset.print;
    readPalette();
  }

  /** See draws digits: a network of tables is for the other depths. */
  #fits(model: Model | undefined): boolean {
    return model !== undefined && model.layers[0].nIn === 784 && model.classes.length > 1;
  }

  async load(): Promise<void> {
    try {
      const table = (await (await fetch("./models/models.json")).json()) as ModelsTable;
      this.first = table.first;
      const read = async (name: string): Promise<Model> =>
        readModel(await (await fetch(`./models/${name}`)).arrayBuffer());
      const take = async (name: ModelName): Promise<void> => {
        const file = table[name];
        if (!file) return;
        const model = { ...(await read(file)), risk: table.risk?.[name] };
        this.models = { ...this.models, [name]: model };
      };
      // the first screen waits for its own network only
      this.shown = table.first.model ?? "plain";
      await take("given");
      if (this.#fits(this.models.given)) this.shown = "given";
      if (this.shown !== "given") await take(this.shown);
      for (const name of ["plain", "honest"] as const)
        if (!this.models[name]) take(name).catch((error) => console.error(error));
    } catch (error) {
      console.error(error);
      this.broken = true;
    }
  }
}

export const lab = new Lab();
