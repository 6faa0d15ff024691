//! Places by what they have in common: a table of chains, linked both ways, so that none
//! has to be looked for to be taken out.

/// Chains of numbered nodes, each with a [mark](crate::lookup::search::mark_of).
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// The latest of each chain, by the last bits of the mark: as many as a power of two.
    heads: Vec<u16>,
    nodes: Vec<Node>,
}

/// A node's place in its chain.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// [`UNLINKED`] if it is in none.
    mark: u16,
    earlier: u16,
    later: u16,
}

impl Chains {
    /// Puts a node into the chain of a mark, or into none with [`UNLINKED`].
    pub(super) fn put(&mut self, node: usize, mark: u16) {
        if node >= self.nodes.len() {
            self.nodes.resize(node + 1, Node::UNLINKED);
        }
        if self.nodes.get(node).is_some_and(|old| old.mark == mark) {
            return;
        }
        self.unlink(node);
        if mark == UNLINKED {
            return;
        }
        if self.nodes.len() > self.heads.len() {
            self.grow();
        }
        self.link(node, mark);
    }

    /// Iterates over the nodes with a mark, the latest first, as far as they are looked at.
    pub(super) fn of(&self, mark: u16) -> impl Iterator<Item = usize> {
        let head = self.heads.get(self.place_of(mark));
        let mut next = head.copied().unwrap_or(END);
        let chain = std::iter::from_fn(move || {
            let at = usize::from(next);
            let node = self.nodes.get(at)?;
            next = node.earlier;
            Some((at, node.mark))
        });
        let looked_at = chain.take(LOOKED_AT);
        looked_at.filter_map(move |(at, its)| (its == mark).then_some(at))
    }

    fn grow(&mut self) {
        let chains = self.nodes.len().next_power_of_two().max(LEAST);
        self.heads.clear();
        self.heads.resize(chains, END);
        for at in 0..self.nodes.len() {
            if let Some(node) = self.nodes.get(at).filter(|node| node.mark != UNLINKED) {
                self.link(at, node.mark);
            }
        }
    }

    fn link(&mut self, at: usize, mark: u16) {
        let number = u16::try_from(at).unwrap_or(END);
        let place = self.place_of(mark);
        let Some(head) = self.heads.get_mut(place) else { return };
        let earlier = std::mem::replace(head, number);
        if let Some(node) = self.nodes.get_mut(usize::from(earlier)) {
            node.later = number;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node = Node { mark, earlier, later: END };
        }
    }

    fn unlink(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Node { mark, earlier, later } = std::mem::replace(node, Node::UNLINKED);
        if mark == UNLINKED {
            return;
        }
        let place = self.place_of(mark);
        if let Some(node) = self.nodes.get_mut(usize::from(earlier)) {
            node.later = later;
        }
        match self.nodes.get_mut(usize::from(later)) {
            Some(node) => node.earlier = earlier,
            None => {
                if let Some(head) = self.heads.get_mut(place) {
                    *head = earlier;
                }
            }
        }
    }

    fn place_of(&self, mark: u16) -> usize {
        usize::from(mark >> 1) & self.heads.len().wrapping_sub(1)
    }
}

impl Node {
    const UNLINKED: Self = Self { mark: UNLINKED, earlier: END, later: END };
}

/// The mark of a node that is in no chain; no hash has it.
pub(super) const UNLINKED: u16 = 0;

/// No node: there are never as many.
pub(super) const END: u16 = u16::MAX;

/// Chains that there are at least: two cache lines of them.
const LEAST: usize = 64;

/// Nodes of a chain that are looked at for a query: more than programs have of one name
/// at the same time.
pub(super) const LOOKED_AT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_and_go_in_any_order() {
        let mut chains = Chains::default();
        for node in 0..300_usize {
            chains.put(node, if node % 2 == 0 { 7 } else { 9 });
        }
        let of = |chains: &Chains, mark| chains.of(mark).collect::<Vec<_>>();
        assert_eq!(of(&chains, 7), (0..300).rev().filter(|n| n % 2 == 0).collect::<Vec<_>>());
        for node in (0..300).filter(|n| n % 3 == 0) {
            chains.put(node, UNLINKED);
        }
        let left = |odd| (0..300).rev().filter(move |n| n % 2 == odd && n % 3 != 0);
        assert_eq!(of(&chains, 7), left(0).collect::<Vec<_>>());
        assert_eq!(of(&chains, 9), left(1).collect::<Vec<_>>());
        chains.put(0, 9);
        assert_eq!(chains.of(9).next(), Some(0));
        assert!(of(&chains, 11).is_empty());
    }

    /// A thousand walks of one name cost no more than some.
    #[test]
    fn a_long_chain_is_looked_at_in_part() {
        let mut chains = Chains::default();
        (0..2000).for_each(|node| chains.put(node, 7));
        let looked_at: Vec<_> = chains.of(7).collect();
        assert_eq!((looked_at.len(), looked_at.first()), (LOOKED_AT, Some(&1999)));
    }
}
