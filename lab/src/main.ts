import { mount } from "svelte";
import App from "./App.svelte";
import { watchPalette } from "./components/common/palette.svelte";
import { keepForOffline } from "./offline/register";
import { lab } from "./state/lab.svelte";
import { see } from "./state/see.svelte";
import "./styles/theme.css";
import "./styles/base.css";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no element with id app");
const files = lab.load();
watchPalette();
const drawing = lab.arrive();
mount(App, { target });
void files
  .then(() => see.begin(drawing))
  .catch((error: unknown) => console.error(error))
  .then(() => keepForOffline(() => lab.engine.keep()));
