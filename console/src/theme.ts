// Mantine in our colours; everything that is looked at for long is styled by our own sheets.
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const hue: MantineColorsTuple = [
  "#f3edf9", "#e4d7f2", "#cbb3e8", "#b794f6", "#9c72cf", "#8a5cc0", "#7b4bb0", "#6d3fa0", "#5c3489", "#482a6b",
];

export const theme = createTheme({
  primaryColor: "hue",
  primaryShade: { light: 7, dark: 3 },
  colors: { hue },
  autoContrast: true,
  fontFamily: '"Inter Variable", system-ui, sans-serif',
  defaultRadius: 4,
  respectReducedMotion: true,
});
