import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));

// One HTML file a page: the server answers /r with r.html, /chair with chair.html and so on.
const page = (name: string): string => resolve(here, `${name}.html`);

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: resolve(here, "../../build/web"),
    emptyOutDir: true,
    target: ["chrome90", "firefox91", "safari15"],
    // The pages' policy allows nothing but files of their own: no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: {
        index: page("index"),
        r: page("r"),
        chair: page("chair"),
        screen: page("screen"),
        technician: page("technician"),
        login: page("login"),
      },
    },
  },
});
