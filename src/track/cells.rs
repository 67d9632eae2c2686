//! Keeps very many short strings of bytes close together: each in a cell that is hardly longer than itself, cells of one
//! length side by side in pages. Knows nothing of what the bytes say.

/// Where bytes are kept: the page, and the cell in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell(u32);

impl Cell {
    const BITS: u32 = 8;
    /// More pages are not told apart: 32 GiB, where their cells are small.
    const MOST_PAGES: usize = 1 << (31 - Self::BITS);

    /// Below 2^31, so that a bit is left to whoever keeps it.
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn numbered(number: u32) -> Self {
        Self(number)
    }

    const fn of(page: usize, cell: usize) -> Self {
        Self((page as u32) << Self::BITS | cell as u32)
    }

    const fn parts(self) -> (usize, usize) {
        ((self.0 >> Self::BITS) as usize, (self.0 & ((1 << Self::BITS) - 1)) as usize)
    }
}

/// A length of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Class(u8);

impl Class {
    const COUNT: usize = 128;
    /// The cells of a page are linked in their first bytes, and a page has no more than 256 of them.
    const LEAST: usize = 16;
    /// Up to here by fours, then by 32.
    const SMALL: usize = 256;
    const MIDDLE: usize = 2048;
    /// Longer: each has a page of its own, just as long.
    const ALONE: Self = Self(u8::MAX);

    /// The class of cells for so many bytes, and the length of such a cell.
    const fn of(len: usize) -> (Self, usize) {
        let (class, cell) = if len <= Self::SMALL {
            let cell = if len > Self::LEAST { len.next_multiple_of(4) } else { Self::LEAST };
            (cell / 4 - 1, cell)
        } else if len <= Self::MIDDLE {
            let cell = len.next_multiple_of(32);
            (Self::SMALL / 4 - 1 + (cell - Self::SMALL) / 32, cell)
        } else {
            (Self::ALONE.0 as usize, len)
        };
        (Self(class as u8), cell)
    }

    /// Bytes of a page of such cells.
    const fn page(cell: usize) -> usize {
        if cell <= Self::SMALL {
            4096
        } else if cell <= Self::MIDDLE {
            16_384
        } else {
            cell
        }
    }
}

#[derive(Debug, Default)]
struct Page {
    /// Empty: the page is not in use.
    bytes: Box<[u8]>,
    class: Class,
    /// Length of a cell.
    cell: u32,
    live: u16,
    /// The first cell that is free; each names the next one.
    free: u16,
}

/// No cell is free.
const FULL: u16 = u16::MAX;

/// All cells.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pages: Vec<Page>,
    /// Pages of each class that have free cells, and some that had.
    open: Vec<Vec<u32>>,
    /// Pages that are not in use.
    spare: Vec<u32>,
}

impl Page {
    fn new(class: Class, cell: usize) -> Self {
        let mut bytes = vec![0; Class::page(cell)].into_boxed_slice();
        let count = bytes.len() / cell;
        for (index, free) in bytes.chunks_exact_mut(cell).enumerate() {
            let next = if index + 1 < count { index as u16 + 1 } else { FULL };
            if let Some(link) = free.first_chunk_mut() {
                *link = next.to_le_bytes();
            }
        }
        Self { bytes, class, cell: cell as u32, live: 0, free: 0 }
    }

    fn cell(&self, cell: usize) -> Option<&[u8]> {
        let from = cell * self.cell as usize;
        self.bytes.get(from..from + self.cell as usize)
    }

    fn cell_mut(&mut self, cell: usize) -> Option<&mut [u8]> {
        let from = cell * self.cell as usize;
        self.bytes.get_mut(from..from + self.cell as usize)
    }
}

impl Cells {
    /// Keeps these bytes. `None`: there is no room for so many.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<Cell> {
        // The last byte of a cell tells how much before it is not in use.
        let (class, len) = Class::of(bytes.len() + 1);
        let at = self.page_for(class, len)?;
        let page = self.pages.get_mut(at)?;
        let cell = page.free;
        let room = page.cell_mut(cell.into())?;
        let next = room.first_chunk().copied().map_or(FULL, u16::from_le_bytes);
        if let (Some(kept), Some(rest)) = (room.get_mut(..bytes.len()), len.checked_sub(bytes.len() + 1)) {
            kept.copy_from_slice(bytes);
            if let Some(last) = room.last_mut() {
                *last = rest as u8;
            }
        }
        page.free = next;
        page.live += 1;
        if next == FULL
            && let Some(open) = self.open.get_mut(usize::from(class.0))
        {
            open.pop();
        }
        Some(Cell::of(at, cell.into()))
    }

    /// A page with a cell that is free; of those that stand open, the last one.
    fn page_for(&mut self, class: Class, cell: usize) -> Option<usize> {
        if self.open.is_empty() {
            self.open.resize(Class::COUNT, Vec::new());
        }
        if let Some(open) = self.open.get_mut(usize::from(class.0)) {
            while let Some(at) = open.last().map(|at| *at as usize) {
                let is_open = |page: &Page| page.class == class && page.free != FULL && !page.bytes.is_empty();
                if self.pages.get(at).is_some_and(is_open) {
                    return Some(at);
                }
                open.pop();
            }
        }
        let at = match self.spare.pop() {
            Some(at) => at as usize,
            None if self.pages.len() < Cell::MOST_PAGES => {
                self.pages.push(Page::default());
                self.pages.len() - 1
            }
            None => return None,
        };
        *self.pages.get_mut(at)? = Page::new(class, cell);
        if let Some(open) = self.open.get_mut(usize::from(class.0)) {
            open.push(at as u32);
        }
        Some(at)
    }

    /// The bytes in a cell.
    pub(super) fn get(&self, cell: Cell) -> Option<&[u8]> {
        let (page, cell) = cell.parts();
        let bytes = self.pages.get(page)?.cell(cell)?;
        let (rest, bytes) = bytes.split_last()?;
        bytes.get(..bytes.len().checked_sub(usize::from(*rest))?)
    }

    /// Gives a cell up that is in use.
    pub(super) fn free(&mut self, cell: Cell) {
        let (at, cell) = cell.parts();
        let Some(page) = self.pages.get_mut(at) else { return };
        page.live = page.live.saturating_sub(1);
        if page.live == 0 {
            *page = Page::default();
            self.spare.push(at as u32);
            return;
        }
        let next = page.free;
        if let Some(link) = page.cell_mut(cell).and_then(<[u8]>::first_chunk_mut) {
            *link = next.to_le_bytes();
        }
        page.free = cell as u16;
        if next == FULL
            && let Some(open) = self.open.get_mut(usize::from(page.class.0))
        {
            open.push(at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_hardly_longer_than_what_they_hold() {
        for len in 1..5000 {
            let (class, cell) = Class::of(len);
            let spare = if len <= Class::LEAST {
                15
            } else if len <= Class::SMALL {
                3
            } else {
                31
            };
            assert!((len..=len + spare).contains(&cell), "{len}: {cell}");
            assert!(class == Class::ALONE || usize::from(class.0) < Class::COUNT, "{len}");
            assert!(Class::page(cell) / cell <= 256, "{len}");
            let after = Class::of(len + 1);
            assert_eq!(after.0 == class, after.1 == cell || class == Class::ALONE, "{len}");
        }
    }

    proptest! {
        #[test]
        fn what_was_put_is_there(steps in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..4, 0_usize..700), 0..400)) {
            let (mut cells, mut plain) = (Cells::default(), Vec::<(Cell, Vec<u8>)>::new());
            for (number, (which, what, len)) in steps.into_iter().enumerate() {
                if what == 0 && !plain.is_empty() {
                    let (cell, _) = plain.swap_remove(which.index(plain.len()));
                    cells.free(cell);
                } else {
                    let bytes = vec![number as u8; [len % 20, len % 100, len % 7 * 100, len * 10][what]];
                    plain.push((cells.put(&bytes).expect("room"), bytes));
                }
                for (cell, bytes) in &plain {
                    prop_assert_eq!(cells.get(*cell), Some(&bytes[..]));
                    prop_assert_eq!(Cell::numbered(cell.number()), *cell);
                }
            }
            plain.iter().for_each(|(cell, _)| cells.free(*cell));
            prop_assert!(cells.pages.iter().all(|page| page.bytes.is_empty()));
        }
    }

    /// Who comes and goes leaves nothing behind.
    #[test]
    fn room_is_used_again() {
        let mut cells = Cells::default();
        let mut held: Vec<Cell> = (0..1000).filter_map(|_| cells.put(&[1; 70])).collect();
        let pages = cells.pages.len();
        for round in 0_usize..100 {
            for cell in &mut held[round * 10..round * 10 + 10] {
                cells.free(*cell);
                *cell = cells.put(&[2; 70]).expect("room");
            }
        }
        assert_eq!(cells.pages.len(), pages);
        assert!(cells.open.iter().map(Vec::len).sum::<usize>() <= pages);
    }
}
