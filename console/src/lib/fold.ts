/** Without case and tone marks, for finding by what a person types: `Truy tìm` and `truy tim` are the same. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/g, "d").replace(/Đ/g, "D").toLowerCase();
}
